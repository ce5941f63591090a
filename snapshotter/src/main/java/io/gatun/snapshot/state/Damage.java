package io.gatun.snapshot.state;

import java.util.Set;

/**
 * What was found missing when the root was opened.
 *
 * @param missing ids of snapshots whose directories are missing, or the files in them
 * @param damaged ids of others, whose indexed layers lack files, which may be made again
 */
public record Damage(Set<Long> missing, Set<Long> damaged) {

  public Damage {
    missing = Set.copyOf(missing);
    damaged = Set.copyOf(damaged);
  }
}
