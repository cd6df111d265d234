/** N-d arrays without gradients: shapes, storage and step-scoped pools. Needs the JDK only. */
package dev.firesteel.array;
