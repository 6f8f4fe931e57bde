"""What people said of images: classes and boxes, from folders, names, tables, COCO, YOLO, VOC."""
