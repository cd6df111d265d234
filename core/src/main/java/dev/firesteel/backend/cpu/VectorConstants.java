package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Transcendentals.E0;
import static dev.firesteel.backend.cpu.Transcendentals.E1;
import static dev.firesteel.backend.cpu.Transcendentals.E2;
import static dev.firesteel.backend.cpu.Transcendentals.E3;
import static dev.firesteel.backend.cpu.Transcendentals.E4;
import static dev.firesteel.backend.cpu.Transcendentals.EXP_OR_ZERO_MIN;
import static dev.firesteel.backend.cpu.Transcendentals.LOG2_E;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_HIGH;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_LOW;
import static dev.firesteel.backend.cpu.Transcendentals.ROUNDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Shared constants of the Vector API kernels: the only species of float vectors, their class, and
 * preallocated vectors. Broadcasting a float in a loop costs hundreds of the 18,000 nodes after
 * which C2 stops inlining, and C2 knows the exact class of a constant.
 */
final class VectorConstants {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LENGTH = SPECIES.length();

  static final FloatVector ZERO = FloatVector.zero(SPECIES);
  static final FloatVector ONE = FloatVector.broadcast(SPECIES, 1f);

  /**
   * The class of every float vector here. To C2 a variable that a loop changes, or a vector just
   * loaded, has only the type that its profile suggests; if C2 does not trust the profile, the
   * vector is boxed each time. Comparing its class with this constant establishes the type with any
   * profile, at no cost once compiled: rule 7 of docs/performance.md.
   */
  static final Class<?> VECTOR = ZERO.getClass();

  /** As {@link #VECTOR}, of the bits of a float vector. */
  static final Class<?> BITS = ZERO.reinterpretAsInts().getClass();

  // Of the exponential.
  static final FloatVector V_EXP_OR_ZERO_MIN = FloatVector.broadcast(SPECIES, EXP_OR_ZERO_MIN);
  static final FloatVector V_LOG2_E = FloatVector.broadcast(SPECIES, LOG2_E);
  static final FloatVector V_ROUNDER = FloatVector.broadcast(SPECIES, ROUNDER);
  static final FloatVector V_MINUS_LN2_HIGH = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH);
  static final FloatVector V_MINUS_LN2_LOW = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW);
  static final FloatVector V_E0 = FloatVector.broadcast(SPECIES, E0);
  static final FloatVector V_E1 = FloatVector.broadcast(SPECIES, E1);
  static final FloatVector V_E2 = FloatVector.broadcast(SPECIES, E2);
  static final FloatVector V_E3 = FloatVector.broadcast(SPECIES, E3);
  static final FloatVector V_E4 = FloatVector.broadcast(SPECIES, E4);

  private VectorConstants() {}

  /** A kernel got a vector of another species, which no kernel creates. */
  static IllegalStateException otherClass() {
    return new IllegalStateException("all float vectors must be of " + SPECIES);
  }
}
