package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotInfo;
import java.util.List;
import java.util.function.Predicate;

/**
 * One filter: selectors that all have to match.
 *
 * @param selectors none match everything
 */
record Filter(List<Selector> selectors) implements Predicate<SnapshotInfo> {

  static final Filter ALWAYS = new Filter(List.of());

  Filter {
    selectors = List.copyOf(selectors);
  }

  @Override
  public boolean test(SnapshotInfo info) {
    for (Selector selector : selectors) {
      if (!selector.test(info)) {
        return false;
      }
    }
    return true;
  }
}
