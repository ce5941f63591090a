/**
 * The output of the commands: sizes, names and tables as text, a progress bar, and a standard
 * output whose failures count.
 */
@NullMarked
package io.gatun.cli.text;

import org.jspecify.annotations.NullMarked;
