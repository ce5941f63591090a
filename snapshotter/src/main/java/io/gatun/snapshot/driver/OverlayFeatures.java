package io.gatun.snapshot.driver;

/**
 * What the kernel's overlay filesystem needs to be told here.
 *
 * @param userXattrs whether it has to keep its marks in {@code user.overlay.*}, since this process
 *     may not write {@code trusted.*} (a user namespace; Linux 5.11 and later)
 * @param index whether the kernel knows the option {@code index}
 */
public record OverlayFeatures(boolean userXattrs, boolean index) {}
