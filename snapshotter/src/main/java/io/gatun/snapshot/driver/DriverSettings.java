package io.gatun.snapshot.driver;

/**
 * How the driver of a root is chosen, and works.
 *
 * @param driver which driver is wanted
 * @param overlay how the overlay driver mounts
 * @param copyThreads how many threads the native driver copies a tree with
 */
public record DriverSettings(DriverSetting driver, OverlaySettings overlay, int copyThreads) {}
