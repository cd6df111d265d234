/** Measurements of Firesteel, alone and side by side with its peers. Never published. */
package dev.firesteel.benchmarks;
