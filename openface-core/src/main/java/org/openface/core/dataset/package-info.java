/** Folders of faces, one sub-folder per identity: their index, what they hold, pruning, splits and augmentation. */
@NullMarked
package org.openface.core.dataset;

import org.jspecify.annotations.NullMarked;
