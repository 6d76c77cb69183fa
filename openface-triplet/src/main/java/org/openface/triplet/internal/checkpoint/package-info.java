/**
 * The work directory of a training and the checkpoints in it. Not API.
 */
@NullMarked
package org.openface.triplet.internal.checkpoint;

import org.jspecify.annotations.NullMarked;
