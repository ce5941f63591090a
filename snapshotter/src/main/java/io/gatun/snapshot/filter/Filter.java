package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotInfo;
import java.util.List;
import java.util.function.Predicate;

/**
 * A conjunction of selectors.
 *
 * @param selectors an empty list matches everything
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
