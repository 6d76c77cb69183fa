/** The network on oneDNN: fast on a CPU. Not API. */
@NullMarked
package org.openface.nn4.internal.engine.onednn;

import org.jspecify.annotations.NullMarked;
