"""One file for each data set, which says where its pictures, labels and people are."""
