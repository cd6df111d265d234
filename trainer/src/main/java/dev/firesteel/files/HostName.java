package dev.firesteel.files;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** The name of this machine, for records and messages. */
public final class HostName {
  private HostName() {}

  /** The name, or "unknown" if the machine does not know it. */
  public static String get() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "unknown";
    }
  }
}
