"""The validator of T4 scenes: rules over raw tables and clouds, which survive whatever the files hold."""
