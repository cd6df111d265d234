/**
 * The one exception whose message is shown to users.
 *
 * <p>Uses none.
 */
package dev.firesteel.error;
