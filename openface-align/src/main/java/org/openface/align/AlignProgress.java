package org.openface.align;

/**
 * How far a directory job has come.
 *
 * @param done photographs dealt with so far, those without a face and those found done already included
 * @param total photographs in the directory
 * @param imagesPerSecond photographs dealt with per second since the job began
 */
public record AlignProgress(int done, int total, double imagesPerSecond) {}
