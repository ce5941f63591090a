package io.gatun.cli.text;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** A table whose columns are as wide as their content; the last column is not padded. */
public final class Table {

  private static final String GAP = "  ";

  private final List<List<String>> rows = new ArrayList<>();
  private final List<Boolean> rightAligned;

  /**
   * @param rightAligned for each column, whether it holds numbers
   */
  public Table(List<String> header, List<Boolean> rightAligned) {
    this.rightAligned = List.copyOf(rightAligned);
    rows.add(header);
  }

  public void add(String... cells) {
    rows.add(List.of(cells));
  }

  public void print(PrintWriter out) {
    int columns = rightAligned.size();
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int i = 0; i < columns; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        String cell = row.get(i);
        String padding = " ".repeat(widths[i] - cell.length());
        boolean last = i == columns - 1;
        line.append(i == 0 ? "" : GAP);
        line.append(rightAligned.get(i) ? padding + cell : last ? cell : cell + padding);
      }
      out.println(line);
    }
  }
}
