/**
 * Files: opening, reading, writing and syncing them, their attributes, directories and filesystems.
 *
 * <p>One final class for each family of headers, such as {@link io.gatun.linux.file.Unistd}, with
 * the flags of its calls.
 */
@NullMarked
package io.gatun.linux.file;

import org.jspecify.annotations.NullMarked;
