package dev.firesteel.spark.executor;

import dev.firesteel.error.UserException;
import dev.firesteel.spark.rpc.JsonLines;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.BarrierTaskContext;

/**
 * How the tasks of an attempt find each other and verify that they match. Takes a second, Spark's
 * polling interval for barriers, so it is done once per attempt.
 */
final class Rendezvous {
  /** With a larger skew, certificates and file systems disagree about what is newer. */
  private static final long MOST_CLOCK_SKEW_MILLIS = 60_000;

  private Rendezvous() {}

  /**
   * One task's description for the others.
   *
   * @param executor id that Spark gave the process
   * @param partition of the task
   * @param host name or address at which the others reach it
   * @param port likewise
   * @param config SHA-256 of the resolved configuration
   * @param code SHA-256 of the jar; empty where the classes come from none
   * @param byteOrder of the processor
   * @param clockSkewMillis the offset of its clock from the driver's
   */
  record Member(
      String executor,
      int partition,
      String host,
      int port,
      String config,
      String code,
      String byteOrder,
      long clockSkewMillis) {

    private String who() {
      return "executor %s on %s".formatted(executor, host);
    }
  }

  /** Returns all tasks in order of rank: those on one host are consecutive. Every task calls it. */
  static List<Member> meet(BarrierTaskContext barrier, Member mine) {
    List<Member> members = new ArrayList<>();
    for (String line : barrier.allGather(JsonLines.write(mine))) {
      members.add(JsonLines.read(line, Member.class, "a task's introduction"));
    }
    members.sort(
        Comparator.comparing(Member::host)
            .thenComparing(Member::executor)
            .thenComparing(Member::partition));
    check(members);
    return members;
  }

  /**
   * @throws UserException if the tasks would not compute the same numbers
   */
  static void check(List<Member> members) {
    String submitAgain = "submit again, with one jar and one configuration for all";
    same(members, "the same configuration", submitAgain, Member::config);
    same(members, "the same job jar", submitAgain, Member::code);
    same(
        members,
        "processors of one byte order",
        "give the application machines of one kind",
        Member::byteOrder);
    for (Member member : members) {
      if (Math.abs(member.clockSkewMillis()) > MOST_CLOCK_SKEW_MILLIS) {
        throw UserException.failure(
            "the clocks of executors must be within %d s of the driver's, got %+d s for %s: set its clock (NTP)"
                .formatted(
                    MOST_CLOCK_SKEW_MILLIS / 1000, member.clockSkewMillis() / 1000, member.who()));
      }
    }
  }

  private static void same(
      List<Member> members, String what, String remedy, Function<Member, String> of) {
    Member first = members.get(0);
    for (Member other : members) {
      if (!of.apply(other).equals(of.apply(first))) {
        throw UserException.failure(
            "all executors must have %s, got %s for %s and %s for %s: %s"
                .formatted(
                    what,
                    quoted(of.apply(first)),
                    first.who(),
                    quoted(of.apply(other)),
                    other.who(),
                    remedy));
      }
    }
  }

  private static String quoted(String value) {
    return value.isEmpty() ? "none" : value;
  }
}
