package dev.firesteel.train;

import dev.firesteel.backend.Backend;
import dev.firesteel.collective.Collective;
import dev.firesteel.run.RunDirectory;

/**
 * The environment of a run; the caller owns and closes it.
 *
 * @param backend compute backend
 * @param collective connection to the other ranks
 * @param run run directory, which rank 0 writes; every rank reads the checkpoint to resume from
 * @param listener receives events on rank 0
 * @param rank is notified of what this rank does
 * @param stop ends the run early; all ranks stop once any rank sees it
 */
public record TrainingContext(
    Backend backend,
    Collective collective,
    RunDirectory run,
    TrainingListener listener,
    RankListener rank,
    StopSignal stop) {}
