/** Folders of faces, one sub-folder per identity: their index, pruning, splits, batches and loading. */
@NullMarked
package org.openface.core.dataset;

import org.jspecify.annotations.NullMarked;
