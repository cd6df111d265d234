package dev.firesteel.train;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A self-contained HTML page of headings, tables, texts and charts. Text is escaped. */
public final class HtmlPage {
  private final StringBuilder page = new StringBuilder();

  /** A row of a table of facts. */
  public record Fact(String name, String value) {}

  /** A cell of a table, as HTML: see {@link #text} and {@link #link}. */
  public record Cell(String html) {
    /** A cell with text. */
    public static Cell text(String text) {
      return new Cell(escape(text));
    }

    /** A cell with a link. */
    public static Cell link(String href, String text) {
      return new Cell("<a href=\"" + escape(href) + "\">" + escape(text) + "</a>");
    }
  }

  /** A page with its title as the first heading. */
  public HtmlPage(String title) {
    page.append(
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>%1$s</title>
        <style>
        body { font: 15px/1.5 sans-serif; max-width: 780px; margin: 2em auto; padding: 0 1em; color: #222; }
        h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; } h3 { font-size: 1em; margin: 1.5em 0 0.3em; }
        table { border-collapse: collapse; } th { text-align: left; padding-right: 1.5em; font-weight: normal; color: #666; vertical-align: top; }
        table.grid th, table.grid td { text-align: left; padding: 0.3em 1em 0.3em 0; border-top: 1px solid #e5e5e5; vertical-align: top; }
        table.side { width: 100%%; table-layout: fixed; font-size: 13px; line-height: 1.4; } table.side td { white-space: pre-wrap; overflow-wrap: anywhere; }
        .finding { border-left: 4px solid #2c9c46; padding-left: 0.8em; margin: 0.8em 0; } .finding p { margin: 0.2em 0; }
        .warning { border-color: #d6a200; } .severe { border-color: #c9302c; }
        pre { background: #f6f6f6; padding: 1em; overflow-x: auto; white-space: pre-wrap; }
        svg { width: 100%%; height: auto; margin-top: 1.5em; }
        </style>
        </head>
        <body>
        <h1>%1$s</h1>
        """
            .formatted(escape(title)));
  }

  /** A heading. */
  public HtmlPage heading(String text) {
    page.append("<h2>").append(escape(text)).append("</h2>\n");
    return this;
  }

  /** A heading below one of {@link #heading}. */
  public HtmlPage subheading(String text) {
    page.append("<h3>").append(escape(text)).append("</h3>\n");
    return this;
  }

  /** A paragraph. */
  public HtmlPage paragraph(String text) {
    page.append("<p>").append(escape(text)).append("</p>\n");
    return this;
  }

  /** Text with its line breaks and spaces as they are. */
  public HtmlPage verbatim(String text) {
    page.append("<pre>").append(escape(text)).append("</pre>\n");
    return this;
  }

  /** A chart, as an element of the page. */
  public HtmlPage chart(String svg) {
    page.append(svg);
    return this;
  }

  /** A box with a title and paragraphs. */
  public HtmlPage box(String style, String title, List<String> paragraphs) {
    page.append("<div class=\"finding ").append(style).append("\">\n<p><b>");
    page.append(escape(title)).append("</b></p>\n");
    paragraphs.forEach(this::paragraph);
    page.append("</div>\n");
    return this;
  }

  /** A table of names and values. */
  public HtmlPage facts(List<Fact> facts) {
    page.append("<table>\n");
    facts.forEach(
        fact ->
            page.append("<tr><th>")
                .append(escape(fact.name()))
                .append("</th><td>")
                .append(escape(fact.value()))
                .append("</td></tr>\n"));
    page.append("</table>\n");
    return this;
  }

  /** A table with a header. */
  public HtmlPage table(List<String> header, List<List<Cell>> rows) {
    return table("grid", header, rows);
  }

  /** A table of texts beside each other, as wide as the page. */
  public HtmlPage sideBySide(List<String> header, List<List<String>> rows) {
    List<List<Cell>> cells = new ArrayList<>();
    rows.forEach(row -> cells.add(row.stream().map(Cell::text).toList()));
    return table("grid side", header, cells);
  }

  private HtmlPage table(String style, List<String> header, List<List<Cell>> rows) {
    page.append("<table class=\"").append(style).append("\">\n<tr>");
    header.forEach(name -> page.append("<th>").append(escape(name)).append("</th>"));
    page.append("</tr>\n");
    for (List<Cell> row : rows) {
      page.append("<tr>");
      row.forEach(cell -> page.append("<td>").append(cell.html()).append("</td>"));
      page.append("</tr>\n");
    }
    page.append("</table>\n");
    return this;
  }

  /** The page in UTF-8. */
  public byte[] bytes() {
    return (page + "</body>\n</html>\n").getBytes(StandardCharsets.UTF_8);
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
