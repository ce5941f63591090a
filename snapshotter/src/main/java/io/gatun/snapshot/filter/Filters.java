package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import java.util.List;
import java.util.function.Predicate;

/**
 * The filters of a List request, in the language that containerd documents and implements in its
 * package {@code filters}.
 *
 * <pre>
 *   filters   := the request's strings; one must match; no string or an empty one matches all
 *   filter    := selector ("," selector)*          all have to match
 *   selector  := fieldpath [operator value]        without operator: the field is present
 *   fieldpath := field ("." field)*
 *   field     := [A-Za-z0-9_]+ | "quoted"
 *   operator  := "==" | "!=" | "~="                the last one matches a regular expression
 *   value     := "quoted" | run of graphic characters without "," and white space
 * </pre>
 *
 * <p>After {@code ~=} a value may also be quoted as {@code /.../} or {@code |...|}, and for that
 * reason no unquoted value can begin with one of these. Quoted text follows Go's rules for strings.
 *
 * <p>A snapshot has the fields {@code kind}, {@code name}, {@code parent}, which is present and
 * empty if there is none, and {@code labels.<key>}. Any other field is absent, which is not an
 * error: {@code ==} then does not match, {@code !=} does, and {@code ~=} sees an empty string. A
 * regular expression that does not compile matches nothing, without an error.
 */
public final class Filters {

  private Filters() {}

  /**
   * {@return a predicate for the snapshots that match at least one filter; without filters, all
   * match}
   *
   * @throws SnapshotException.InvalidArgument if a filter does not parse, in containerd's wording
   */
  public static Predicate<SnapshotInfo> parse(List<String> filters) {
    List<Filter> alternatives = filters.stream().map(Filters::parse).toList();
    return alternatives.isEmpty()
        ? info -> true
        : info -> alternatives.stream().anyMatch(filter -> filter.test(info));
  }

  static Filter parse(String filter) {
    return filter.isEmpty() ? Filter.ALWAYS : new FilterParser(filter).parse();
  }
}
