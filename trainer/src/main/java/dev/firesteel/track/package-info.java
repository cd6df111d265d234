/**
 * Trackers: programs outside that show runs, such as TensorBoard and MLflow. Each is a listener
 * with a thread of its own, and a row of {@link dev.firesteel.track.Trackers}.
 *
 * <p>Uses {@code config}, {@code error}, {@code files}, {@code metrics}, {@code run}, {@code
 * train}.
 */
package dev.firesteel.track;
