package io.gatun.linux;

import java.util.Collection;
import java.util.function.ToIntFunction;

/** Converts enums to the kernel's bits. */
public final class Flags {

  private Flags() {}

  public static <E> int bits(E[] flags, ToIntFunction<E> bits) {
    int all = 0;
    for (E flag : flags) {
      all |= bits.applyAsInt(flag);
    }
    return all;
  }

  public static <E> int bits(Collection<E> flags, ToIntFunction<E> bits) {
    int all = 0;
    for (E flag : flags) {
      all |= bits.applyAsInt(flag);
    }
    return all;
  }
}
