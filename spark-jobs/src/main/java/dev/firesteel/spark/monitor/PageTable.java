package dev.firesteel.spark.monitor;

import java.util.List;
import java.util.Objects;
import java.util.function.IntPredicate;
import org.apache.commons.text.StringEscapeUtils;
import org.apache.spark.ui.UIUtils;

/** Tables with the style sheets of Spark's UI. All text is escaped. */
final class PageTable {
  private PageTable() {}

  /**
   * A table as HTML.
   *
   * @param name its id is {@code firesteel-<name>}
   * @param columns the head; empty for none
   * @param marked whether a row is highlighted
   */
  static String html(
      String name, List<String> columns, List<List<String>> rows, IntPredicate marked) {
    StringBuilder html = new StringBuilder();
    html.append("<div class=\"table-responsive\">\n<table id=\"firesteel-")
        .append(name)
        .append("\" class=\"")
        .append(UIUtils.TABLE_CLASS_STRIPED())
        .append(" w-auto\">\n");
    if (!columns.isEmpty()) {
      html.append("<thead><tr>");
      columns.forEach(column -> html.append("<th>").append(text(column)).append("</th>"));
      html.append("</tr></thead>\n");
    }
    for (int row = 0; row < rows.size(); row++) {
      html.append(marked.test(row) ? "<tr class=\"table-warning\">" : "<tr>");
      rows.get(row).forEach(cell -> html.append("<td>").append(text(cell)).append("</td>"));
      html.append("</tr>\n");
    }
    return html.append("</table>\n</div>\n").toString();
  }

  /** Text as HTML. */
  static String text(String value) {
    return StringEscapeUtils.escapeHtml4(Objects.requireNonNull(value));
  }
}
