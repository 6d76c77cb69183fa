// The work of OpenFace's align-dlib.py in dlib's own C++: decode, HOG faces, 68 landmarks of the largest, OpenFace's
// three-point affine map, PNG.
//
//   dlib_align LANDMARKS UPSAMPLINGS THREADS OUT IMAGE...
//
// Says its version, then for each line of stdin, which is a number of passes over the images: the number of faces of the
// last pass and the milliseconds of each pass.
#include <dlib/image_io.h>
#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/image_transforms.h>
#include <dlib/revision.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace dlib;

namespace {

const int SIZE = 96;
const int POINTS[] = {36, 45, 33};
const double TEMPLATE[][2] = {{0.194157004, 0.169266924}, {0.788859129, 0.158171147}, {0.494950891, 0.514441371}};

matrix<rgb_pixel> aligned(const matrix<rgb_pixel>& image, const full_object_detection& shape) {
    std::vector<dpoint> from, to;
    for (int i = 0; i < 3; ++i) {
        from.push_back(dpoint(SIZE * TEMPLATE[i][0], SIZE * TEMPLATE[i][1]));
        to.push_back(dpoint(shape.part(POINTS[i])));
    }
    matrix<rgb_pixel> face(SIZE, SIZE);
    transform_image(image, face, interpolate_bilinear(), find_affine_transform(from, to), black_background());
    return face;
}

struct worker {
    frontal_face_detector detector = get_frontal_face_detector();
    shape_predictor predictor;
    int upsamplings = 0;

    bool align(const std::string& file, const std::string& out) {
        matrix<rgb_pixel> image;
        load_image(image, file);
        matrix<rgb_pixel> enlarged = image;
        for (int i = 0; i < upsamplings; ++i) {
            pyramid_up(enlarged);
        }
        std::vector<rectangle> faces = detector(enlarged);
        if (faces.empty()) {
            return false;
        }
        rectangle largest = faces[0];
        for (const rectangle& face : faces) {
            if (face.area() > largest.area()) {
                largest = face;
            }
        }
        pyramid_down<2> pyramid;
        largest = pyramid.rect_down(largest, upsamplings);
        save_png(aligned(image, predictor(image, largest)), out);
        return true;
    }
};

}  // namespace

int main(int count, char** arguments) {
    const int threads = std::stoi(arguments[3]);
    const std::string out = arguments[4];
    const std::vector<std::string> images(arguments + 5, arguments + count);
    std::vector<worker> workers(threads);
    for (worker& each : workers) {
        deserialize(arguments[1]) >> each.predictor;
        each.upsamplings = std::stoi(arguments[2]);
    }
    std::cout << DLIB_MAJOR_VERSION << "." << DLIB_MINOR_VERSION << std::endl;
    int passes;
    while (std::cin >> passes) {
        std::string reply;
        std::atomic<int> found(0);
        for (int pass = 0; pass < passes; ++pass) {
            const auto start = std::chrono::steady_clock::now();
            std::atomic<std::size_t> next(0);
            found = 0;
            std::vector<std::thread> running;
            for (worker& each : workers) {
                running.emplace_back([&] {
                    for (std::size_t i = next++; i < images.size(); i = next++) {
                        if (each.align(images[i], out + "/" + std::to_string(i) + ".png")) {
                            ++found;
                        }
                    }
                });
            }
            for (std::thread& thread : running) {
                thread.join();
            }
            const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
            reply += " " + std::to_string(time.count());
        }
        std::cout << found << reply << std::endl;
    }
    return 0;
}
