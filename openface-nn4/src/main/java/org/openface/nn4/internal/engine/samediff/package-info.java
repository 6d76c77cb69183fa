/** The network on ND4J's own session: on every backend. Not API. */
@NullMarked
package org.openface.nn4.internal.engine.samediff;

import org.jspecify.annotations.NullMarked;
