/** Embeddings of whole data sets in files, as OpenFace's {@code batch-represent} makes them. */
@NullMarked
package org.openface.core.represent;

import org.jspecify.annotations.NullMarked;
