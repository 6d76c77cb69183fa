/** What flows between a network and a trainer: batches of faces in, embeddings out, gradients back. */
@NullMarked
package org.openface.core.embedding;

import org.jspecify.annotations.NullMarked;
