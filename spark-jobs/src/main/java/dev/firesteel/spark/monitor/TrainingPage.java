package dev.firesteel.spark.monitor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.sweep.SweepProgress;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.ui.CspNonce$;
import org.apache.spark.ui.UIUtils;
import org.apache.spark.ui.WebUIPage;
import org.json4s.JValue;
import org.json4s.jackson.JsonMethods$;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.xml.Node;
import scala.xml.Unparsed;

/**
 * The page of the {@link FiresteelTab}, which refreshes every few seconds; {@code json/} serves the
 * same as JSON, for tools.
 */
final class TrainingPage extends WebUIPage {
  /** Only the part that changes is replaced, so that the scroll position is kept. */
  private static final String REFRESH =
      """
      <script nonce="%s">
      setInterval(async () => {
        if (document.hidden) {
          return;
        }
        try {
          const answer = await fetch(location.href);
          const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
          document.getElementById('firesteel').replaceWith(page.getElementById('firesteel'));
        } catch (failure) {
          document.getElementById('firesteel-taken').textContent =
              'The driver does not answer any more: the application may have ended.';
        }
      }, 5000);
      </script>
      """;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final FiresteelTab tab;
  private final Supplier<RunSnapshot> run;
  private final Supplier<Optional<SweepProgress.Snapshot>> sweep;

  /**
   * @param sweep the sweep that is running, which is shown in place of a run
   */
  TrainingPage(
      FiresteelTab tab,
      Supplier<RunSnapshot> run,
      Supplier<Optional<SweepProgress.Snapshot>> sweep) {
    super("");
    this.tab = tab;
    this.run = run;
    this.sweep = sweep;
  }

  @Override
  public Seq<Node> render(HttpServletRequest request) {
    String shown = sweep.get().map(SweepHtml::of).orElseGet(() -> RunHtml.of(run.get()));
    Node content = new Unparsed(shown + REFRESH.formatted(CspNonce$.MODULE$.get()));
    return UIUtils.headerSparkPage(
        request, "Training", () -> content, tab, Option.empty(), false, false, false);
  }

  @Override
  public JValue renderJson(HttpServletRequest request) {
    return JsonMethods$.MODULE$.fromJsonNode(
        sweep.get().<JsonNode>map(JSON::valueToTree).orElseGet(() -> run.get().json()));
  }
}
