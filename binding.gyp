{
  # npm runs node-gyp where it finds this file; the addon itself is built by cmake-js.
  "targets": [
    {
      "target_name": "convtape",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": [],
          "outputs": ["<(module_root_dir)/build/Release/convtape.node"],
          "action": ["npx", "cmake-js", "compile"]
        }
      ]
    }
  ]
}
