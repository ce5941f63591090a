package io.gatun.snapshot.driver;

/**
 * The options that overlayfs needs on this host.
 *
 * @param userXattrs whether it must store its marks in {@code user.overlay.*} because this process
 *     cannot write {@code trusted.*} (a user namespace; Linux 5.11 and later)
 * @param index whether the kernel supports the option {@code index}
 */
public record OverlayFeatures(boolean userXattrs, boolean index) {}
