/** The one exception whose message is shown to users. Depends on the JDK only. */
package dev.firesteel.error;
