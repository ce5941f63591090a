package io.gatun.snapshot;

import java.util.Locale;

/** The kinds of snapshots. */
public enum Kind {
  /** Read-only, and never committed. */
  VIEW,
  /** Writable, and may be committed once. */
  ACTIVE,
  /** Immutable, and the only kind that can be a parent. */
  COMMITTED;

  /** {@return the name that containerd's filters use, such as {@code active}} */
  public String filterName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
