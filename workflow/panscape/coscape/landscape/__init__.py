"""The coexpression landscape: panclusters of all studies, arranged by the similarity of their gene pairs."""
