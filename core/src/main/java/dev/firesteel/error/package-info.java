/** The one exception that reaches users as a sentence. Needs the JDK only. */
package dev.firesteel.error;
