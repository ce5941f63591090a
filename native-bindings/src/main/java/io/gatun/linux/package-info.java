/**
 * Linux for Gatun: system calls, their constants and their structures.
 *
 * <p>There is one final class for each family of headers, such as {@link io.gatun.linux.Unistd} and
 * {@link io.gatun.linux.Mounts}. Methods have the C names of the calls, and take and return enums,
 * records, {@link io.gatun.linux.Fd} and {@link io.gatun.linux.LinuxPath}. A call succeeds or
 * throws an {@link io.gatun.linux.ErrnoException}; it is repeated after a signal interrupts it.
 *
 * <p>Only this package may use {@code java.lang.foreign}, and no {@code MemorySegment} leaves it.
 * It uses only the JDK, keeps no state of its own, and does not log.
 */
@NullMarked
package io.gatun.linux;

import org.jspecify.annotations.NullMarked;
