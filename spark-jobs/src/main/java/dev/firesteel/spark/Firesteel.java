package dev.firesteel.spark;

import dev.firesteel.error.UserException;
import dev.firesteel.files.LocalNames;
import dev.firesteel.spark.cli.ChatCommand;
import dev.firesteel.spark.cli.DoctorCommand;
import dev.firesteel.spark.cli.DpoCommand;
import dev.firesteel.spark.cli.EvalCommand;
import dev.firesteel.spark.cli.ExportCommand;
import dev.firesteel.spark.cli.FitCommand;
import dev.firesteel.spark.cli.ForecastCommand;
import dev.firesteel.spark.cli.GenerateCommand;
import dev.firesteel.spark.cli.GrpoCommand;
import dev.firesteel.spark.cli.ImportCommand;
import dev.firesteel.spark.cli.InspectCommand;
import dev.firesteel.spark.cli.PipelineCommand;
import dev.firesteel.spark.cli.PlanCommand;
import dev.firesteel.spark.cli.PpoCommand;
import dev.firesteel.spark.cli.PrepareCommand;
import dev.firesteel.spark.cli.PretrainCommand;
import dev.firesteel.spark.cli.RateCommand;
import dev.firesteel.spark.cli.RewardCommand;
import dev.firesteel.spark.cli.RunsCommand;
import dev.firesteel.spark.cli.ServeCommand;
import dev.firesteel.spark.cli.SftCommand;
import dev.firesteel.spark.cli.SweepCommand;
import dev.firesteel.spark.cli.TokenizerCommand;
import dev.firesteel.spark.cli.Version;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.process.Interruption;
import dev.firesteel.spark.process.ProcessLocale;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line of Firesteel, the same for {@code ./firesteel <command>} and {@code spark-submit
 * --class dev.firesteel.spark.Firesteel <jar> <command>}.
 *
 * <p>Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
 */
@Command(
    name = "firesteel",
    description = "Trains language models on Apache Spark.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      PrepareCommand.class,
      TokenizerCommand.class,
      PretrainCommand.class,
      SftCommand.class,
      RewardCommand.class,
      DpoCommand.class,
      PpoCommand.class,
      GrpoCommand.class,
      PipelineCommand.class,
      SweepCommand.class,
      FitCommand.class,
      ForecastCommand.class,
      EvalCommand.class,
      GenerateCommand.class,
      ChatCommand.class,
      ServeCommand.class,
      RateCommand.class,
      InspectCommand.class,
      RunsCommand.class,
      ExportCommand.class,
      ImportCommand.class,
      PlanCommand.class,
      DoctorCommand.class
    },
    scope = ScopeType.INHERIT)
public final class Firesteel implements Runnable {
  private static final String VERBOSE = "--verbose";

  @Spec private CommandSpec spec;

  @Option(
      names = VERBOSE,
      scope = ScopeType.INHERIT,
      description = "Log more, and show the stack trace of a failure.")
  private boolean verbose;

  private Firesteel() {}

  public static void main(String[] args) {
    ProcessLocale.set();
    int exitCode = run(args, System.out, System.err);
    // The process is then Spark's, not ours: YARN's application master takes any exit, of code 0
    // too, for a failed application, and tries it again.
    if (exitCode != 0 || !"cluster".equals(System.getProperty("spark.submit.deployMode"))) {
      System.exit(exitCode);
    }
  }

  /** Runs one command line and returns its exit code. */
  public static int run(String[] args, PrintStream out, PrintStream err) {
    if (List.of(args).contains(VERBOSE)) {
      // Before the first logger exists: firesteel-log4j2.properties reads it.
      System.setProperty("firesteel.log.level", "debug");
      System.setProperty("firesteel.log.level.tasks", "warn");
    }
    var firesteel = new Firesteel();
    var line =
        new CommandLine(firesteel)
            .setOut(new PrintWriter(out, true, StandardCharsets.UTF_8))
            .setErr(new PrintWriter(err, true, StandardCharsets.UTF_8))
            .setUsageHelpAutoWidth(true)
            // An argument is text; a prompt may begin with @.
            .setExpandAtFiles(false)
            .setExecutionStrategy(
                parsed -> {
                  requireKnown(parsed);
                  if (parsed.hasSubcommand()) {
                    Interruption.install(err);
                  }
                  return new CommandLine.RunLast().execute(parsed);
                })
            .setParameterExceptionHandler(new UsageMistake(err))
            .setExecutionExceptionHandler(
                (failure, command, parsed) -> Failures.report(failure, firesteel.verbose, err));
    try {
      LocalNames.requireIntactArguments(args);
      return line.execute(args);
    } catch (UserException | Error failure) {
      // Picocli passes on exceptions only.
      return Failures.report(failure, firesteel.verbose, err);
    }
  }

  /** Picocli answers {@code nonsense --help} with the help of the commands that there are. */
  private static void requireKnown(ParseResult parsed) {
    for (CommandLine line : parsed.asCommandLineList()) {
      List<String> unmatched = line.getParseResult().unmatched();
      if (!unmatched.isEmpty()) {
        throw new UnmatchedArgumentException(line, unmatched);
      }
    }
  }

  /** No command: the help is the answer, and it was wrong usage. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is required");
  }

  private record UsageMistake(PrintStream err) implements IParameterExceptionHandler {
    @Override
    public int handleParseException(ParameterException mistake, String[] args) {
      String command = mistake.getCommandLine().getCommandSpec().qualifiedName();
      err.println(
          "firesteel: " + sentence(mistake) + "; " + command + " --help shows what is possible");
      return Failures.USAGE;
    }

    private static String sentence(ParameterException mistake) {
      if (mistake instanceof UnmatchedArgumentException unmatched) {
        String argument = unmatched.getUnmatched().get(0);
        String kind = unmatched.isUnknownOption() ? "option" : "command";
        List<String> nearest = unmatched.getSuggestions();
        return "unknown "
            + kind
            + " \""
            + argument
            + "\""
            + (nearest.isEmpty()
                ? known(unmatched)
                : ", the nearest is \"" + nearest.get(0) + "\"");
      }
      String message = mistake.getMessage();
      return Character.toLowerCase(message.charAt(0)) + message.substring(1);
    }

    private static String known(UnmatchedArgumentException unmatched) {
      Set<String> commands = unmatched.getCommandLine().getSubcommands().keySet();
      return unmatched.isUnknownOption() || commands.isEmpty()
          ? ""
          : ", the commands are " + String.join(", ", commands);
    }
  }
}
