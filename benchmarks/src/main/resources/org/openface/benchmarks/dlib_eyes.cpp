// What dlib sees, as the truth for DetectionTable: HOG detector, one up-sampling, and the 68-point model.
//
// Debian: apt-get install libdlib-dev libdlib-data
//   g++ -O3 -mavx2 -std=c++17 dlib_eyes.cpp -o dlib_eyes -ldlib -lpng -ljpeg -l:liblapack.so.3 -l:libblas.so.3
//   find DIR -type f -printf '%P\n' | sort | ./dlib_eyes DIR [pad] > truth.tsv
//
// "pad": with a border as wide as half of the picture, which repeats its edge: for pictures cropped to the face.
// A line per picture and face: name, milliseconds of detection, left eye x, y, right eye x, y (means of the six points of
// each); NaN instead of numbers where no face is seen. Reads PNG, JPEG and binary PGM.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <dlib/image_io.h>
#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/image_transforms.h>

using dlib::array2d;
using dlib::rgb_pixel;

static void load(array2d<rgb_pixel>& image, const std::string& file) {
    if (file.size() < 4 || file.substr(file.size() - 4) != ".pgm") {
        dlib::load_image(image, file);
        return;
    }
    std::ifstream in(file, std::ios::binary);
    std::string magic;
    long width = 0, height = 0, largest = 0;
    in >> magic >> width >> height >> largest;
    in.get();
    image.set_size(height, width);
    for (long y = 0; y < height; y++)
        for (long x = 0; x < width; x++) {
            const int v = in.get();
            image[y][x] = rgb_pixel(v, v, v);
        }
}

static void eye(const dlib::full_object_detection& shape, int first, int margin) {
    double x = 0, y = 0;
    for (int i = first; i < first + 6; i++) {
        x += shape.part(i).x() / 6.0;
        y += shape.part(i).y() / 6.0;
    }
    std::printf("\t%.2f\t%.2f", x - margin, y - margin);
}

int main(int argc, char** argv) {
    const std::string root = argv[1];
    const bool pad = argc > 2 && std::string(argv[2]) == "pad";
    dlib::shape_predictor landmarks;
    dlib::deserialize("/usr/share/dlib/shape_predictor_68_face_landmarks.dat") >> landmarks;
    dlib::frontal_face_detector detector = dlib::get_frontal_face_detector();
    dlib::pyramid_down<2> pyramid;
    std::string name;
    while (std::getline(std::cin, name)) {
        array2d<rgb_pixel> image;
        load(image, root + "/" + name);
        const auto start = std::chrono::steady_clock::now();
        const long margin = pad ? std::min(image.nr(), image.nc()) / 2 : 0;
        array2d<rgb_pixel> padded(image.nr() + 2 * margin, image.nc() + 2 * margin);
        for (long y = 0; y < padded.nr(); y++)
            for (long x = 0; x < padded.nc(); x++)
                padded[y][x] = image[std::min(std::max(y - margin, 0L), image.nr() - 1)]
                                    [std::min(std::max(x - margin, 0L), image.nc() - 1)];
        array2d<rgb_pixel> larger;
        dlib::assign_image(larger, padded);
        dlib::pyramid_up(larger);
        const std::vector<dlib::rectangle> boxes = detector(larger);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        for (const dlib::rectangle& box : boxes) {
            const dlib::full_object_detection shape = landmarks(padded, dlib::rectangle(pyramid.rect_down(box)));
            std::printf("%s\t%.1f", name.c_str(), took.count());
            eye(shape, 36, margin);
            eye(shape, 42, margin);
            std::printf("\n");
        }
        if (boxes.empty())
            std::printf("%s\t%.1f\tNaN\tNaN\tNaN\tNaN\n", name.c_str(), took.count());
    }
}
