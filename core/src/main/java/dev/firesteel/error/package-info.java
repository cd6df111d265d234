/**
 * The one exception whose message is shown to users.
 *
 * <p>Uses no other package.
 */
package dev.firesteel.error;
