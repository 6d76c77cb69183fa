/** Exact nearest neighbours among very many embeddings, in blocks on all threads. */
@NullMarked
package org.openface.core.internal.search;

import org.jspecify.annotations.NullMarked;
