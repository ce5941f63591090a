/** Tests of the training run. */
@NullMarked
package io.gatun.training;

import org.jspecify.annotations.NullMarked;
