package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;

/** One stage of a pipeline, {@code stages.<name>}. */
public record PipelineStage(
    @Setting(
            required = true,
            meaning = "The stage: `pretrain`, `sft`, `reward`, `dpo`, `ppo` or `grpo`.")
        String stage,
    @Setting(
            meaning =
                "Name of the earlier stage whose model this one starts from: sets `model.from`.")
        String from,
    @Setting(
            meaning =
                "Name of the earlier stage whose reward model scores this one's answers: sets"
                    + " `rewards.model`.")
        String reward,
    @Setting(
            meaning =
                "Configuration file of the stage, relative to the pipeline's file; the stage's own"
                    + " command can use it too.")
        String config,
    @Setting(meaning = "Keys of the stage's configuration, which win over those of the file.")
        JsonNode keys) {}
