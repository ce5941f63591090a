package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotInfo;
import java.util.function.Predicate;

/** The condition that a selector puts on a field. */
sealed interface Selector extends Predicate<SnapshotInfo> {

  Field field();

  /** {@code field}: the field exists, even with an empty value. */
  record Present(Field field) implements Selector {
    @Override
    public boolean test(SnapshotInfo info) {
      return field.of(info) != null;
    }
  }

  /** {@code field==value}: the field exists and has this value. */
  record Equal(Field field, String value) implements Selector {
    @Override
    public boolean test(SnapshotInfo info) {
      return value.equals(field.of(info));
    }
  }

  /** {@code field!=value}: the field has another value; an absent field counts as empty. */
  record NotEqual(Field field, String value) implements Selector {
    @Override
    public boolean test(SnapshotInfo info) {
      String actual = field.of(info);
      return !value.equals(actual == null ? "" : actual);
    }
  }

  /**
   * {@code field~=expression}: the expression matches anywhere; an absent field counts as empty.
   */
  record Matches(Field field, RegularExpression expression) implements Selector {
    @Override
    public boolean test(SnapshotInfo info) {
      String actual = field.of(info);
      return expression.matches(actual == null ? "" : actual);
    }
  }
}
