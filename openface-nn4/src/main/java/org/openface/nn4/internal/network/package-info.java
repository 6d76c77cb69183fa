/** The networks as data, as a SameDiff graph, and as the plan that is read off the graph; their parameters. Not API. */
@NullMarked
package org.openface.nn4.internal.network;

import org.jspecify.annotations.NullMarked;
