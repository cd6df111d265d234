package dev.firesteel.train;

import dev.firesteel.backend.Backend;
import dev.firesteel.collective.Collective;
import dev.firesteel.run.RunDirectory;

/**
 * Where a run takes place; the caller owns and closes it.
 *
 * @param backend that computes
 * @param collective the other ranks
 * @param run where rank 0 writes; every rank reads the checkpoint to go on from
 * @param listener hears events on rank 0
 * @param rank hears what this rank does
 * @param stop ends the run early; the first rank that sees it takes all others along
 */
public record TrainingContext(
    Backend backend,
    Collective collective,
    RunDirectory run,
    TrainingListener listener,
    RankListener rank,
    StopSignal stop) {}
