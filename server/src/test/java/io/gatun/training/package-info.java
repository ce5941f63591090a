/** What goes on in training. */
@NullMarked
package io.gatun.training;

import org.jspecify.annotations.NullMarked;
