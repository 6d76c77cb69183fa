/**
 * What engines have in common that compute gradients into plain arrays: the weights, and all of a training step after the
 * backward pass, in plain Java. Not API.
 */
@NullMarked
package org.openface.nn4.internal.engine.host;

import org.jspecify.annotations.NullMarked;
