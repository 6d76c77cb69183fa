/** What an engine that runs the network has to offer, and its threads; knows no engine. Not API. */
@NullMarked
package org.openface.nn4.internal.engine;

import org.jspecify.annotations.NullMarked;
